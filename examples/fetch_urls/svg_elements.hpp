// The few SVG elements that the picture is made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace fetch_urls::svg {

struct point {
    double x = 0;
    double y = 0;
};

struct box {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
};

// The looks are in the style sheet, under the class.
void text(pugi::xml_node parent, point at, std::string_view css_class, std::string_view content);
// Two texts with different looks, the second one after the first.
void text(pugi::xml_node parent, point at, std::string_view css_class, std::string_view content,
          std::string_view second_css_class, std::string_view second_content);
void line(pugi::xml_node parent, point from, point to, std::string_view css_class);
void rectangle(pugi::xml_node parent, const box& area, std::string_view css_class);
void polygon(pugi::xml_node parent, const std::vector<point>& corners, std::string_view css_class);

// Horizontal bars of one thickness and colour, kept in one <path>: a thousand of them make a small file.
class bars {
public:
    // Too short a bar is drawn wide enough to be seen. The colour is a CSS colour.
    void add(double x, double y_middle, double width);
    void draw(pugi::xml_node parent, double thickness, std::string_view colour) const;

private:
    std::string path_;
};

}  // namespace fetch_urls::svg

#include "svg_elements.hpp"

#include <algorithm>

#include "decimals.hpp"

namespace fetch_urls::svg {

namespace {

// A hundredth of a pixel is enough.
std::string number(double value) {
    return trimmed(value, 2);
}

void set(pugi::xml_node element, const char* name, double value) {
    element.append_attribute(name).set_value(number(value).c_str());
}

void set(pugi::xml_node element, const char* name, std::string_view value) {
    element.append_attribute(name).set_value(std::string(value).c_str());
}

}  // namespace

void text(pugi::xml_node parent, point at, std::string_view css_class, std::string_view content) {
    pugi::xml_node element = parent.append_child("text");
    set(element, "x", at.x);
    set(element, "y", at.y);
    set(element, "class", css_class);
    element.text().set(std::string(content).c_str());
}

void text(pugi::xml_node parent, point at, std::string_view css_class, std::string_view content,
          std::string_view second_css_class, std::string_view second_content) {
    text(parent, at, css_class, content);
    pugi::xml_node second = parent.last_child().append_child("tspan");
    set(second, "dx", 16);
    set(second, "class", second_css_class);
    second.text().set(std::string(second_content).c_str());
}

void line(pugi::xml_node parent, point from, point to, std::string_view css_class) {
    pugi::xml_node element = parent.append_child("line");
    set(element, "x1", from.x);
    set(element, "y1", from.y);
    set(element, "x2", to.x);
    set(element, "y2", to.y);
    set(element, "class", css_class);
}

void rectangle(pugi::xml_node parent, const box& area, std::string_view css_class) {
    pugi::xml_node element = parent.append_child("rect");
    set(element, "x", area.x);
    set(element, "y", area.y);
    set(element, "width", area.width);
    set(element, "height", area.height);
    set(element, "class", css_class);
}

void polygon(pugi::xml_node parent, const std::vector<point>& corners, std::string_view css_class) {
    std::string points;
    for (const point& corner : corners) {
        points += (points.empty() ? "" : " ") + number(corner.x) + "," + number(corner.y);
    }
    pugi::xml_node element = parent.append_child("polygon");
    set(element, "points", points);
    set(element, "class", css_class);
}

void bars::add(double x, double y_middle, double width) {
    static constexpr double least = 0.4;
    path_ += "M" + number(x) + " " + number(y_middle) + "h" + number(std::max(width, least));
}

void bars::draw(pugi::xml_node parent, double thickness, std::string_view colour) const {
    if (path_.empty()) {
        return;
    }
    pugi::xml_node element = parent.append_child("path");
    set(element, "d", path_);
    set(element, "stroke", colour);
    set(element, "stroke-width", thickness);
}

}  // namespace fetch_urls::svg

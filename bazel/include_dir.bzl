"""A target that puts its own folder on the include path of whatever depends on it."""

def _include_dir_impl(ctx):
    label = ctx.label
    path = "/".join([part for part in [label.workspace_root, label.package] if part])

    # cc_library's `includes` would always say -isystem, which hides warnings in our own headers from ourselves; an
    # embedder, on the other hand, wants just that.
    is_embedded = bool(label.workspace_root)
    return [CcInfo(compilation_context = cc_common.create_compilation_context(
        includes = depset([] if is_embedded else [path]),
        system_includes = depset([path] if is_embedded else []),
    ))]

include_dir = rule(implementation = _include_dir_impl)

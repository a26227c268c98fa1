//! `/docs`: the description of the routes as a page, for people. It needs no script and nothing from elsewhere.

use crate::http::description::{DESCRIPTION, put_in, reference};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::sync::LazyLock;

/// The page.
pub(super) static DOCS: LazyLock<String> = LazyLock::new(|| {
    // Parts of parts have no place of their own in the page.
    page(&put_in(&DESCRIPTION, &|path| path.matches('/').count() > 3))
});

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>recsys: the API</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #8882; --link: light-dark(#0550ae, #8bf) }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  a { color: var(--link) }
  code, pre { font: .9em/1.5 ui-monospace, monospace; background: var(--soft); border-radius: 3px; padding: 0 .3em }
  pre { padding: .6em; overflow-x: auto }
  section { border-top: 1px solid var(--line); margin-top: 2rem }
  h2 code { background: none; padding: 0 }
  h3 { margin-bottom: .2em }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; vertical-align: top; padding: .3em .6em .3em 0; border-top: 1px solid var(--line) }
  ul { padding-left: 1.2rem; margin: .3em 0 }
  nav ul { columns: 18rem; list-style: none; padding: 0 }
  nav code { background: none }
</style>
"#;

/// The methods in the order in which they are shown.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

fn page(openapi: &Value) -> String {
    let mut out = HEAD.to_owned();
    let (title, version) = (&openapi["info"]["title"], &openapi["info"]["version"]);
    element(&mut out, "h1", &format!("{} {}", plain(title), plain(version)));
    element(&mut out, "p", plain(&openapi["info"]["description"]));
    out.push_str(
        "<p><a href=\"/openapi.json\">openapi.json</a> has the same for programs.\n<nav><ul>\n",
    );
    let all = operations(openapi);
    for (method, path, of) in &all {
        let (id, name) = (id(method, path), name(method, path));
        let _ = writeln!(
            out,
            "<li><a href=\"#{id}\"><code>{name}</code></a> {}",
            text(plain(&of["summary"]))
        );
    }
    out.push_str("</ul></nav>\n<main>\n");
    for (method, path, of) in &all {
        operation(&mut out, openapi, (method, path), of);
    }
    out.push_str("<section id=\"schemas\"><h2>Shapes</h2>\n");
    for (name, schema) in fields(&openapi["components"]["schemas"]) {
        let _ = writeln!(out, "<h3 id=\"schema-{0}\">{0}</h3>", text(name));
        shape(&mut out, schema);
    }
    out.push_str("</section>\n</main>\n");
    out
}

/// All operations: method, path, and what is said of it.
fn operations(openapi: &Value) -> Vec<(&'static str, &str, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in fields(&openapi["paths"]) {
        let of = |method| Some((method, path.as_str(), methods.get(method)?));
        all.extend(METHODS.into_iter().filter_map(of));
    }
    all
}

fn operation(out: &mut String, openapi: &Value, (method, path): (&str, &str), of: &Value) {
    let _ = writeln!(
        out,
        "<section id=\"{}\"><h2><code>{}</code></h2>",
        id(method, path),
        name(method, path)
    );
    element(out, "p", plain(&of["summary"]));
    if let Some(description) = of["description"].as_str() {
        element(out, "p", description);
    }
    let parameters = of["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters.map(|given| resolved(openapi, given)).collect();
    if !parameters.is_empty() {
        out.push_str("<h3>Parameters</h3><table><tr><th>name<th>in<th>type<th>what\n");
        for given in parameters {
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code><td>{}<td>{}<td>{}",
                text(plain(&given["name"])),
                text(plain(&given["in"])),
                kind(&given["schema"]),
                marked(plain(&given["description"])),
            );
        }
        out.push_str("</table>\n");
    }
    for (content_type, of) in fields(&of["requestBody"]["content"]) {
        let _ = writeln!(out, "<h3>Body <code>{}</code></h3>", text(content_type));
        shape(out, &of["schema"]);
        example(out, of);
    }
    out.push_str("<h3>Answers</h3><table><tr><th>status<th>what<th>body\n");
    for (status, answer) in fields(&of["responses"]) {
        let answer = resolved(openapi, answer);
        let what = marked(plain(&answer["description"]));
        let _ = write!(out, "<tr><td>{}<td>{what}<td>", text(status));
        for (_, of) in fields(&answer["content"]).take(1) {
            shape(out, &of["schema"]);
            example(out, of);
        }
        out.push('\n');
    }
    out.push_str("</table></section>\n");
}

fn example(out: &mut String, of: &Value) {
    if let Some(example) = of.get("example") {
        let json = serde_json::to_string_pretty(example).unwrap_or_default();
        let _ = writeln!(out, "<pre>{}</pre>", text(&json));
    }
}

/// A schema: its type, and what it consists of.
fn shape(out: &mut String, schema: &Value) {
    out.push_str(&kind(schema));
    let _ = write!(out, " {}", marked(plain(&schema["description"])));
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|known| known == name))
    };
    let of_fields: Vec<_> = fields(&schema["properties"]).collect();
    if !of_fields.is_empty() {
        out.push_str("<ul>");
        for (name, of) in of_fields {
            let optional = if required(name) { "" } else { ", optional" };
            let _ = write!(out, "<li><code>{}</code>{optional}: ", text(name));
            shape(out, of);
        }
        out.push_str("</ul>");
    }
    for (word, parts) in [("one of", &schema["oneOf"]), ("each", &schema["items"])] {
        let parts = parts.as_array().map_or(std::slice::from_ref(parts), Vec::as_slice);
        for part in parts.iter().filter(|part| part.is_object() && part.get("$ref").is_none()) {
            let _ = write!(out, "<ul><li>{word}: ");
            shape(out, part);
            out.push_str("</ul>");
        }
    }
    if schema["additionalProperties"].is_object() {
        out.push_str("<ul><li>by name: ");
        shape(out, &schema["additionalProperties"]);
        out.push_str("</ul>");
    }
}

/// A schema in a few words.
fn kind(schema: &Value) -> String {
    if let Some(path) = reference(schema) {
        return link(path);
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        one => plain(one).to_owned(),
    };
    if let Some(path) = reference(&schema["items"]) {
        return format!("{words} of {}", link(path));
    }
    if let Some(values) = schema["enum"].as_array() {
        words = values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    }
    if let Some(value) = schema.get("const") {
        words = value.to_string();
    }
    for (word, bound) in [("minimum", "≥"), ("maximum", "≤")] {
        if let Some(value) = schema.get(word) {
            let _ = write!(words, " {bound} {value}");
        }
    }
    if let Some(default) = schema.get("default") {
        let _ = write!(words, ", {default} by default");
    }
    text(&words)
}

fn resolved<'a>(openapi: &'a Value, part: &'a Value) -> &'a Value {
    reference(part).and_then(|path| openapi.pointer(path)).unwrap_or(part)
}

/// A link to the shape at a path of the description.
fn link(path: &str) -> String {
    let name = text(path.rsplit('/').next().unwrap_or_default());
    format!("<a href=\"#schema-{name}\">{name}</a>")
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn name(method: &str, path: &str) -> String {
    format!("{} {}", method.to_uppercase(), text(path))
}

/// The place of an operation in the page.
fn id(method: &str, path: &str) -> String {
    let path: String =
        path.chars().filter(|c| c.is_ascii_alphanumeric() || "/-.".contains(*c)).collect();
    format!("{method}{}", path.replace('/', "-"))
}

fn element(out: &mut String, tag: &str, content: &str) {
    let _ = writeln!(out, "<{tag}>{}</{tag}>", marked(content));
}

/// A text with what stands between backticks as code.
fn marked(content: &str) -> String {
    let parts = content.split('`').enumerate();
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => text(part),
        _ => format!("<code>{}</code>", text(part)),
    };
    parts.map(part).collect()
}

/// A text as HTML.
fn text(content: &str) -> String {
    content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::ROUTES;

    #[test]
    fn every_operation_and_shape_has_its_place() {
        for route in &ROUTES {
            for method in route.methods {
                let id = id(&method.verb.name().to_lowercase(), route.pattern);
                let places = DOCS.matches(&format!("id=\"{id}\"")).count();
                assert_eq!(places, 1, "{id}");
            }
        }
        for (name, _) in fields(&DESCRIPTION["components"]["schemas"]) {
            assert!(DOCS.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for link in DOCS.split("href=\"#").skip(1) {
            let place = link.split('"').next().unwrap();
            assert!(DOCS.contains(&format!("id=\"{place}\"")), "{place} is nowhere");
        }
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(marked("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
        let mut out = String::new();
        shape(&mut out, &serde_json::json!({"enum": ["<script>"]}));
        assert!(!out.contains("<script>"), "{out}");
    }

    #[test]
    fn nothing_is_from_elsewhere() {
        for word in ["<script", "http://", "src=", "url("] {
            assert!(!DOCS.contains(word), "{word}");
        }
    }
}

//! Templates over columns: `chicago-ward:{Ward}`, `outcome/{outcome_category|slug}`.

/// A text with columns in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<C> {
    parts: Vec<Part<C>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<C> {
    Text(String),
    Column(C, Vec<Filter>),
}

/// What is done to a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Lower case, and every run of other characters than ASCII letters and digits becomes one hyphen.
    Slug,
}

impl Filter {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "slug" => Self::Slug,
            _ => return None,
        })
    }

    fn apply(self, value: &str) -> String {
        match self {
            Self::Lower => value.to_lowercase(),
            Self::Upper => value.to_uppercase(),
            Self::Slug => slug(value),
        }
    }
}

fn slug(value: &str) -> String {
    let mut slug = String::with_capacity(value.len());
    for character in value.chars() {
        match character.is_ascii_alphanumeric() {
            true => slug.push(character.to_ascii_lowercase()),
            false if slug.is_empty() || slug.ends_with('-') => {}
            false => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

impl Template<String> {
    /// Reads a template; braces are written `{{` and `}}`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let Some((inside, after)) = after.split_once('}').filter(|_| brace == "{") else {
                return Err(format!("{text:?} has a {brace} without its other half; write {brace}{brace} for the character itself"));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(column(text, inside)?);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The columns named, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name, _) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The same over column numbers; the error is the first column that `number` does not know.
    pub fn resolve(&self, number: impl Fn(&str) -> Option<usize>) -> Result<Template<usize>, String> {
        let resolve = |part: &Part<String>| match part {
            Part::Text(text) => Ok(Part::Text(text.clone())),
            Part::Column(name, filters) => number(name).map(|number| Part::Column(number, filters.clone())).ok_or_else(|| name.clone()),
        };
        Ok(Template { parts: self.parts.iter().map(resolve).collect::<Result<_, _>>()? })
    }
}

fn column(text: &str, inside: &str) -> Result<Part<String>, String> {
    let mut pieces = inside.split('|').map(str::trim);
    let name = pieces.next().filter(|name| !name.is_empty()).ok_or_else(|| format!("{text:?} has a {{}} that names no column"))?;
    let filter = |name| Filter::parse(name).ok_or_else(|| format!("{text:?} has an unknown filter {name:?}; there are lower, upper and slug"));
    Ok(Part::Column(name.into(), pieces.map(filter).collect::<Result<_, _>>()?))
}

impl Template<usize> {
    /// The text for a row's values. None if a column in it is empty, or the template itself: what has no value is not half a value.
    pub fn text(&self, values: &[String]) -> Option<String> {
        if self.parts.is_empty() {
            return None;
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Column(number, filters) => {
                    let value = &values[*number];
                    if value.is_empty() {
                        return None;
                    }
                    match filters.is_empty() {
                        true => text.push_str(value),
                        false => text.push_str(&filters.iter().fold(value.clone(), |value, filter| filter.apply(&value))),
                    }
                }
            }
        }
        Some(text)
    }

    /// The first column of it that is empty in this row.
    pub fn empty_column(&self, values: &[String]) -> Option<usize> {
        self.parts.iter().find_map(|part| match part {
            Part::Column(number, _) if values[*number].is_empty() => Some(*number),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str, values: &[&str]) -> Option<String> {
        let names = ["a", "b"];
        let resolved = Template::parse(template).unwrap().resolve(|name| names.iter().position(|known| *known == name)).unwrap();
        resolved.text(&values.iter().map(|value| value.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn fills_columns_in() {
        assert_eq!(text("ward:{a}", &["27", ""]).as_deref(), Some("ward:27"));
        assert_eq!(text("{a}-{b | upper}", &["x", "y"]).as_deref(), Some("x-Y"));
        assert_eq!(text("constant", &["", ""]).as_deref(), Some("constant"));
        assert_eq!(text("{{{a}}}", &["x", ""]).as_deref(), Some("{x}"));
    }

    #[test]
    fn has_no_text_where_a_column_is_empty() {
        assert_eq!(text("ward:{a}", &["", ""]), None);
        assert_eq!(text("", &["x", "y"]), None);
    }

    #[test]
    fn slugs_have_neither_double_nor_outer_hyphens() {
        assert_eq!(slug("Investigation complete; no suspect identified"), "investigation-complete-no-suspect-identified");
        assert_eq!(slug("  Café & Bar (new) "), "caf-bar-new");
        assert_eq!(slug("—"), "");
    }

    #[test]
    fn says_what_is_wrong_with_a_template() {
        assert!(Template::parse("{a").unwrap_err().contains("without its other half"));
        assert!(Template::parse("a}").unwrap_err().contains("without its other half"));
        assert!(Template::parse("{}").unwrap_err().contains("names no column"));
        assert!(Template::parse("{a|title}").unwrap_err().contains("unknown filter"));
    }
}

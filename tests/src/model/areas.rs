//! What a council says of its areas, in one vintage or in each area's newest.

use super::council::Council;
use tandem_proto::v1::AreaDefined;
use tandem_proto::v1::facts::Body;

impl Council {
    /// Whether any area is defined in a vintage.
    pub fn has_vintage(&self, vintage: &str) -> bool {
        self.definitions.keys().any(|(kind, _, of)| *kind == 4 && of == vintage)
    }

    /// The deprivation decile; empty: it is not known. `vintage` is empty for the newest.
    pub fn decile(&self, area: &str, vintage: &str) -> String {
        self.area(area, vintage).and_then(|area| area.deprivation_decile).map(|decile| decile.to_string()).unwrap_or_default()
    }

    /// What contains it; empty: it is not known.
    pub fn parent(&self, area: &str, vintage: &str) -> String {
        self.area(area, vintage).map(|area| area.parent.clone()).unwrap_or_default()
    }

    fn area(&self, area: &str, vintage: &str) -> Option<&AreaDefined> {
        let of_area = self.definitions.iter().filter(|((kind, id, of), _)| *kind == 4 && id == area && (vintage.is_empty() || of == vintage));
        let (_, sequence) = of_area.max_by(|((.., one), _), ((.., other), _)| one.as_bytes().cmp(other.as_bytes()))?;
        match self.entry(*sequence).body.as_ref()? {
            Body::AreaDefined(area) => Some(area),
            _ => None,
        }
    }
}

//! The flags of `tandem value` that say as of which point of the book, and that have figures explained.

use super::value::valuation;
use anyhow::ensure;
use tandem_proto::v1::{ChangeFrom, QueryValueRequest};

/// Points of the book, and explanations.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Points {
    /// As of the end of this UTC day by when entries were recorded, YYYY-MM-DD; later entries, cures and reversals do not count
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true, conflicts_with = "as_of_sequence")]
    as_of: String,
    /// As of the entry with this sequence in the one council's book
    #[arg(long, value_name = "SEQUENCE")]
    as_of_sequence: Option<u64>,
    /// Say how each number came about; with one of the --from flags, why the values changed since then
    #[arg(long)]
    pub explain: bool,
    /// The day from which a change is explained, as --as-of
    #[arg(long, value_name = "DAY", default_value = "", hide_default_value = true, requires = "explain", conflicts_with = "from_as_of_sequence")]
    from_as_of: String,
    /// The entry from which a change is explained, as --as-of-sequence
    #[arg(long, value_name = "SEQUENCE", requires = "explain")]
    from_as_of_sequence: Option<u64>,
    /// The price list from which a change is explained
    #[arg(long, value_name = "ID[@VERSION]", requires = "explain")]
    from_valuation: Option<String>,
}

impl Points {
    /// Asks for them.
    pub fn put(&self, question: &mut QueryValueRequest) -> anyhow::Result<()> {
        question.as_of_date = self.as_of.clone();
        question.as_of_sequence = self.as_of_sequence;
        if self.explains_a_change() {
            question.change_from = Some(ChangeFrom {
                as_of_sequence: self.from_as_of_sequence,
                as_of_date: self.from_as_of.clone(),
                valuation: self.from_valuation.as_deref().map(|text| valuation("--from-valuation", text)).transpose()?,
            });
        }
        Ok(())
    }

    /// Whether a change is to be explained.
    pub fn explains_a_change(&self) -> bool {
        self.from_as_of_sequence.is_some() || !self.from_as_of.is_empty() || self.from_valuation.is_some()
    }

    /// Refuses what does not go together with several valuations side by side.
    pub fn beside(&self) -> anyhow::Result<()> {
        ensure!(!self.explains_a_change(), "--explain with a --from flag takes one --valuation: name the other with --from-valuation");
        Ok(())
    }
}

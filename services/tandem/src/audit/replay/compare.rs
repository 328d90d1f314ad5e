//! Two answers to one question, row by row: both are read page by page, so that memory does not grow with them.

use super::questions::{Answerer, Page, Question, Row};
use serde::Serialize;
use std::collections::VecDeque;
use tandem_query::Transport;
use tonic::{Code, Status};

/// How far a row may be from its place before it counts as missing.
const LOOKAHEAD: usize = 2_000;

/// Where live server and replay differ. The field names are those of the JSON document and stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was asked.
    pub question: String,
    /// Which row.
    pub row: String,
    /// Which figure of it; empty: the whole row.
    pub figure: String,
    /// What the server says; null: it has no such row or figure.
    pub live: Option<String>,
    /// What the replay says; null: it has no such row or figure.
    pub replayed: Option<String>,
}

impl Difference {
    /// In one line.
    pub fn line(&self) -> String {
        let of = if self.figure.is_empty() { String::new() } else { format!(", {}", self.figure) };
        let says = |text: &Option<String>| text.as_deref().map_or("nothing".to_owned(), |text| format!("{text:?}"));
        format!("{}: {}{of}: the server says {}, the book {}", self.question, self.row, says(&self.live), says(&self.replayed))
    }
}

/// What came of one question.
#[derive(Debug, Default)]
pub struct Compared {
    /// Rows that were compared.
    pub rows: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// Both refused to answer, in the same words.
    pub refused: bool,
}

/// Why two answers cannot be compared.
#[derive(Debug)]
pub enum Incomparable {
    /// The live book has other than the replayed entries now.
    Grown(u64),
    /// One of them does not answer.
    Failed(String),
}

/// One side of a comparison.
struct Side<'a, 'b, T> {
    answerer: &'a mut Answerer<'b, T>,
    question: &'a Question,
    rows: VecDeque<Row>,
    token: Option<String>,
    entries: u64,
}

impl<'a, 'b, T: Transport> Side<'a, 'b, T> {
    fn new(answerer: &'a mut Answerer<'b, T>, question: &'a Question) -> Self {
        Self { answerer, question, rows: VecDeque::new(), token: Some(String::new()), entries: 0 }
    }

    /// Reads on until so many rows are there, or all.
    async fn fill(&mut self, rows: usize) -> Result<(), Status> {
        while self.rows.len() < rows {
            let Some(token) = &self.token else { return Ok(()) };
            let Page { rows, next, entries } = self.answerer.page(self.question, token).await?;
            self.rows.extend(rows);
            self.entries = entries;
            self.token = Some(next).filter(|next| !next.is_empty());
        }
        Ok(())
    }
}

/// Asks both and compares, until so many differences are found. `entries`: those of the replay.
pub async fn compare<L: Transport, F: Transport>(
    live: &mut Answerer<'_, L>,
    fresh: &mut Answerer<'_, F>,
    question: &Question,
    entries: u64,
    limit: usize,
) -> Result<Compared, Incomparable> {
    let (mut live, mut fresh) = (Side::new(live, question), Side::new(fresh, question));
    let mut compared = Compared::default();
    loop {
        let (said, made) = (live.fill(1).await, fresh.fill(1).await);
        if let (Ok(()), true) = (&said, live.entries != entries && !question.is_as_of()) {
            return Err(Incomparable::Grown(live.entries));
        }
        match (said, made) {
            (Ok(()), Ok(())) => {}
            (Err(said), Err(made)) if said.code() == made.code() && is_refusal(&said) => {
                return Ok(Compared { refused: said.code() != Code::NotFound, ..compared });
            }
            (Err(status), Ok(())) if is_refusal(&status) => {
                compared.differences.push(whole(question, Some(format!("{:?}: {}", status.code(), status.message())), Some("an answer".into())));
                return Ok(compared);
            }
            (Ok(()), Err(status)) if is_refusal(&status) => {
                compared.differences.push(whole(question, Some("an answer".into()), Some(format!("{:?}: {}", status.code(), status.message()))));
                return Ok(compared);
            }
            (Err(status), _) => return Err(Incomparable::Failed(format!("{}: the server: {}", question.words(), status.message()))),
            (_, Err(status)) => return Err(Incomparable::Failed(format!("{}: the replay: {}", question.words(), status.message()))),
        }
        if live.rows.is_empty() && fresh.rows.is_empty() {
            return Ok(compared);
        }
        step(&mut live, &mut fresh, question, &mut compared).await.map_err(|status| Incomparable::Failed(status.message().to_owned()))?;
        if compared.differences.len() >= limit {
            return Ok(compared);
        }
    }
}

fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange)
}

fn whole(question: &Question, live: Option<String>, replayed: Option<String>) -> Difference {
    Difference { question: question.words(), row: "the answer".into(), figure: String::new(), live, replayed }
}

/// Compares the first rows that belong together.
async fn step<L: Transport, F: Transport>(
    live: &mut Side<'_, '_, L>,
    fresh: &mut Side<'_, '_, F>,
    question: &Question,
    compared: &mut Compared,
) -> Result<(), Status> {
    compared.rows += 1;
    let is_same = matches!((live.rows.front(), fresh.rows.front()), (Some(said), Some(made)) if said.label == made.label);
    if is_same {
        if let (Some(said), Some(made)) = (live.rows.pop_front(), fresh.rows.pop_front()) {
            compared.differences.extend(differ(question, &said, &made));
        }
        return Ok(());
    }
    live.fill(LOOKAHEAD).await?;
    fresh.fill(LOOKAHEAD).await?;
    let place = |rows: &VecDeque<Row>, label: Option<&Row>| label.and_then(|wanted| rows.iter().position(|row| row.label == wanted.label));
    let is_missing_there = place(&fresh.rows, live.rows.front()).is_none();
    let (rows, is_live) = if is_missing_there && !live.rows.is_empty() { (&mut live.rows, true) } else { (&mut fresh.rows, false) };
    let Some(row) = rows.pop_front().or_else(|| live.rows.pop_front()) else { return Ok(()) };
    let there = Some("a row".to_owned());
    let (said, made) = if is_live { (there, None) } else { (None, there) };
    compared.differences.push(Difference { question: question.words(), row: row.label, figure: String::new(), live: said, replayed: made });
    Ok(())
}

/// The first figure in which two rows differ.
fn differ(question: &Question, live: &Row, replayed: &Row) -> Option<Difference> {
    let at = (0..live.figures.len().max(replayed.figures.len())).find(|&at| live.figures.get(at) != replayed.figures.get(at))?;
    let (said, made) = (live.figures.get(at), replayed.figures.get(at));
    let figure = made.or(said).map(|(name, _)| name.clone()).unwrap_or_default();
    let value = |figure: Option<&(String, String)>| figure.map(|(_, value)| value.clone());
    Some(Difference { question: question.words(), row: live.label.clone(), figure, live: value(said), replayed: value(made) })
}

//! The lattice of the view's council. The work is the domain's.

use super::aggregate::{Timed, failure, valuation};
use super::view::View;
use super::{Readable, reflected};
use tandem_domain::aggregate::lattice::{self, CELLS_MAX, LatticeQuestion};
use tandem_proto::internal::v1::{GetLatticeRequest, GetLatticeResponse};
use tandem_wire::lattice::to_messages;
use tandem_wire::status::Failure;

/// Longest time between the end of a unit and the day on which it is closed: ten years.
const GRACE_DAYS_MAX: u32 = 3_660;

/// The messages of the lattice of the view's council.
pub fn get_lattice<R: Readable>(
    view: &View<'_, R>,
    request: &GetLatticeRequest,
) -> Result<Box<dyn Iterator<Item = GetLatticeResponse> + Send>, Failure> {
    if request.grace_days > GRACE_DAYS_MAX {
        return Err(Failure::invalid("grace_days", format!("is {}; the limit is {GRACE_DAYS_MAX}", request.grace_days)));
    }
    let question = LatticeQuestion {
        area_vintage: Some(request.area_vintage.clone()).filter(|vintage| !vintage.is_empty()),
        valuation: request.valuation.as_ref().map(valuation),
        as_of: request.as_of_sequence,
        previous: request.previous_sequence,
        grace_days: request.grace_days,
        first_year: request.first_year,
        last_year: request.last_year,
        cells_max: CELLS_MAX,
    };
    let lattice = lattice::lattice(&Timed::new(view), view.council(), &question).map_err(|error| failure(view.council(), error))?;
    Ok(Box::new(to_messages(lattice, reflected(view)?)))
}

//! Every refusal that the gateway gives for an event is here once.
use super::*;

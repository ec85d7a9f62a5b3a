//! What is counted: the table of metrics as data, the tally that an invocation's facts are noted in, and the documents
//! that `CloudWatch` reads out of a function's log (the embedded metric format).
//!
//! A tally is memory and no effect, so the stages may note in it without a port. Whoever runs them takes the tally at
//! the end of an invocation: a function prints it as documents, a test or the local cloud reads it.

mod emf;
mod metric;
mod page;
mod tally;
mod values;

pub use emf::{DIMENSIONS_MAX, METRICS_MAX, VALUES_MAX, documents};
pub use metric::{About, Dimension, Kind, Metric, Unit};
pub use page::page;
pub use tally::{Noted, SERIES_MAX, Tally};
pub use values::{Age, Answer, FileEvent, Outcome};

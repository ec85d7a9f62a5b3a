//! Tests that need more than one crate, a module for each kind.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backfill;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod busy;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod horizon;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod large;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod onboarding;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod redress;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod results;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod template;
#[cfg(test)]
mod tidy;

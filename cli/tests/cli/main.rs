//! The command line as users meet it: arguments in, text and exit codes out.

#[cfg(test)]
mod compile;
#[cfg(test)]
mod difference;
#[cfg(test)]
mod difference_of_dangers;
#[cfg(test)]
mod difference_of_holds;
#[cfg(test)]
mod difference_of_moves;
#[cfg(test)]
mod difference_of_parents;
#[cfg(test)]
mod difference_of_parts;
#[cfg(test)]
mod difference_of_resources;
#[cfg(test)]
mod fmt;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod mend;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod pipelines;
#[cfg(test)]
mod program;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod request;
#[cfg(test)]
mod request_machines;
#[cfg(test)]
mod request_outside;
#[cfg(test)]
mod request_pods;
#[cfg(test)]
mod revision;
#[cfg(test)]
mod selection;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod up;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod xml;

//! The control runtime over real sockets.

#[cfg(test)]
mod real;

#[cfg(test)]
mod access;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod world;

//! Bad input: each gives a typed error that says what to do, other work goes on, and nothing hangs.
mod ending;
mod here;
mod hostile;
mod lonely;
mod place;
mod refused;
mod value;

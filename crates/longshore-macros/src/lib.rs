//! The #[task] attribute and lambda! of Longshore.

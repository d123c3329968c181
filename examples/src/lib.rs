//! Examples of Longshore.

//! A deterministic simulation that is one more Longshore Runtime.

//! The Runtime trait of Longshore, its conformance suite and its adapters.

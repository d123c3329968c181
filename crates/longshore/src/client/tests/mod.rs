//! Clients against a scheduler that is played by the test.

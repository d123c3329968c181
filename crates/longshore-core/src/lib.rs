//! The scheduler, worker and client state machines of Longshore, without I/O.

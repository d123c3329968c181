//! Cells, waiters and groups, without any session.

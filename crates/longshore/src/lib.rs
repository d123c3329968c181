//! A programming model for parallel and distributed work: submit calls, await futures.

//! What Longshore puts on the wire: ids, time, messages, handshake and codec.

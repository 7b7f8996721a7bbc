//! Outside a BuildKit daemon: connect, session, solve, exports, status.

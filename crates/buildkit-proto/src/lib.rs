//! The wire of BuildKit: messages, and services behind a feature.

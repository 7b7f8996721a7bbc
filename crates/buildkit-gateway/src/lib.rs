//! BuildKit's gateway API as a typed client over any channel.

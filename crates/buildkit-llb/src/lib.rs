//! BuildKit's LLB: ops, graph, canonical encoding.

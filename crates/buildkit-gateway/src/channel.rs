//! What the gateway API can be spoken over.

use bytes::Bytes;
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::client::GrpcService;

/// A source of errors as tonic takes it.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A channel that carries gRPC calls, such as tonic's own, or one that adds metadata to it.
///
/// Everything that fits is one; write drivers as `async fn drive<C: Channel>(gateway: Gateway<C>)`.
pub trait Channel:
    GrpcService<
        Body,
        Error: Into<BoxError>,
        Future: Send,
        ResponseBody: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<C> Channel for C where
    C: GrpcService<
            Body,
            Error: Into<BoxError>,
            Future: Send,
            ResponseBody: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

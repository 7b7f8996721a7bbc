//! The byte pipe inside `Control.Session`: chunks of a gRPC stream, read and written as a socket is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buildkit_proto::control::BytesMessage;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::PollSender;

/// Bytes in one message at most.
const CHUNK: usize = 32 << 10;
/// Messages that may wait to be sent.
const QUEUE: usize = 16;

/// Both directions of the pipe.
///
/// Dropping it ends our side and gives the other one back, so that it can be drained.
pub(super) struct Pipe {
    input: Option<tonic::Streaming<BytesMessage>>,
    unread: Bytes,
    output: PollSender<BytesMessage>,
    /// Written and not yet sent: HTTP/2 writes a frame's head and its content one after the other.
    unsent: BytesMut,
    leftover: Option<oneshot::Sender<tonic::Streaming<BytesMessage>>>,
}

/// The sending half of a pipe before the call: what the pipe will write into, and the call's request.
pub(super) fn outgoing() -> (PollSender<BytesMessage>, ReceiverStream<BytesMessage>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (PollSender::new(sender), ReceiverStream::new(receiver))
}

impl Pipe {
    /// The pipe, and where its input comes back when it is dropped.
    pub(super) fn new(
        input: tonic::Streaming<BytesMessage>,
        output: PollSender<BytesMessage>,
    ) -> (Self, oneshot::Receiver<tonic::Streaming<BytesMessage>>) {
        let (leftover, returned) = oneshot::channel();
        let pipe = Self {
            input: Some(input),
            unread: Bytes::new(),
            output,
            unsent: BytesMut::new(),
            leftover: Some(leftover),
        };
        (pipe, returned)
    }

    /// Hands what was written to the call.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        if ready!(self.output.poll_reserve(context)).is_err() {
            return Poll::Ready(Err(closed()));
        }
        let data = self.unsent.split().freeze();
        Poll::Ready(self.output.send_item(BytesMessage { data }).map_err(|_| closed()))
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            let Some(input) = self.input.as_mut() else { return Poll::Ready(Ok(())) };
            match ready!(Pin::new(input).poll_next(context)) {
                Some(Ok(message)) => self.unread = message.data,
                Some(Err(status)) => return Poll::Ready(Err(io::Error::other(status))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unsent.len() >= CHUNK {
            ready!(self.poll_send(context))?;
        }
        let length = bytes.len().min(CHUNK - self.unsent.len());
        self.unsent.extend_from_slice(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A call that has ended takes nothing any more.
        let _ = ready!(self.poll_send(context));
        self.output.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let (Some(input), Some(leftover)) = (self.input.take(), self.leftover.take()) {
            // Nobody may be waiting for it; then the stream is reset here.
            let _ = leftover.send(input);
        }
    }
}

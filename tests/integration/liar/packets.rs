//! Packets of a transfer, as a liar writes them: whatever the wire can carry.

use buildkit_proto::fsutil::packet::PacketType;
use buildkit_proto::fsutil::stat::XattrsEntry;
use buildkit_proto::fsutil::{Packet, Stat};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::daemon::MAX_MESSAGE;
use super::within;

pub(super) const DIRECTORY: u32 = 1 << 31 | 0o755;
pub(super) const SYMLINK: u32 = 1 << 27 | 0o777;
pub(super) const DEVICE: u32 = 1 << 26 | 0o666;
pub(super) const FIFO: u32 = 1 << 25 | 0o666;
pub(super) const SOCKET: u32 = 1 << 24 | 0o666;
pub(super) const SETUID: u32 = 1 << 23;
pub(super) const SETGID: u32 = 1 << 22;

/// A transfer from the daemon's side.
pub(super) struct Transfer {
    pub(super) say: mpsc::Sender<Packet>,
    pub(super) heard: Streaming<Packet>,
}

impl Transfer {
    /// Calls a method that speaks packets, up to the answer's headers.
    pub(super) async fn start(
        channel: &Channel,
        method: &'static str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Status> {
        let (say, said) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(said));
        for (key, value) in headers {
            request.metadata_mut().append(*key, value.parse().unwrap());
        }
        let mut client = tonic::client::Grpc::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(2 * MAX_MESSAGE);
        client.ready().await.unwrap();
        let method = PathAndQuery::from_static(method);
        let codec = ProstCodec::<Packet, Packet>::default();
        let answer = within("the call is answered", client.streaming(request, method, codec)).await?;
        Ok(Self { say, heard: answer.into_inner() })
    }

    /// Says all of it while listening, confirms an end, and gives what was heard and how it ended.
    ///
    /// It never hangs up by itself: the other end has to end this.
    pub(super) async fn run(
        self,
        packets: impl IntoIterator<Item = Packet, IntoIter: Send> + Send + 'static,
    ) -> (Vec<Packet>, Option<Status>) {
        let Self { say, mut heard } = self;
        let saying = say.clone();
        tokio::spawn(async move {
            for packet in packets {
                if saying.send(packet).await.is_err() {
                    return;
                }
            }
        });
        let listening = async {
            let mut say = Some(say);
            let mut all = Vec::new();
            loop {
                match heard.message().await {
                    Ok(Some(packet)) => {
                        if packet.r#type() == PacketType::PacketFin
                            && let Some(say) = say.take()
                        {
                            let _ = say.send(finish()).await;
                        }
                        all.push(packet);
                    }
                    Ok(None) => return (all, None),
                    Err(status) => return (all, Some(status)),
                }
            }
        };
        within("the transfer ends", listening).await
    }
}

pub(super) fn stat(path: impl Into<Vec<u8>>, mode: u32) -> Stat {
    Stat { path: path.into().into(), mode, ..Stat::default() }
}

pub(super) fn link(path: &str, mode: u32, to: &str) -> Stat {
    Stat { linkname: to.as_bytes().to_vec().into(), ..stat(path, mode) }
}

pub(super) fn file(path: &str, size: i64) -> Stat {
    Stat { size, ..stat(path, 0o644) }
}

pub(super) fn xattr(stat: Stat, key: &str, value: Vec<u8>) -> Stat {
    let entry = XattrsEntry { key: Some(key.to_owned()), value: Some(value.into()) };
    Stat { xattrs: vec![entry], ..stat }
}

pub(super) fn entry(stat: Stat) -> Packet {
    Packet { stat: Some(stat), ..of(PacketType::PacketStat) }
}

pub(super) fn end_of_entries() -> Packet {
    of(PacketType::PacketStat)
}

pub(super) fn request(id: u32) -> Packet {
    Packet { id, ..of(PacketType::PacketReq) }
}

pub(super) fn data(id: u32, bytes: impl Into<Bytes>) -> Packet {
    Packet { id, data: bytes.into(), ..of(PacketType::PacketData) }
}

pub(super) fn finish() -> Packet {
    of(PacketType::PacketFin)
}

pub(super) fn failure(text: impl Into<Bytes>) -> Packet {
    Packet { data: text.into(), ..of(PacketType::PacketErr) }
}

pub(super) fn of(kind: PacketType) -> Packet {
    Packet { r#type: kind.into(), ..Packet::default() }
}

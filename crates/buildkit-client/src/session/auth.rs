//! Credentials for registries: none, so that every pull and push is anonymous.
//!
//! Only `Credentials` is offered. The daemon fetches tokens itself where a client offers no token methods.

use buildkit_proto::auth::auth_server::Auth;
use buildkit_proto::auth::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status};

/// What the daemon may call.
pub(super) const METHODS: &[&str] = &["/moby.filesync.v1.Auth/Credentials"];

/// Knows no credentials.
#[derive(Debug)]
pub(super) struct Anonymous;

#[tonic::async_trait]
impl Auth for Anonymous {
    async fn credentials(
        &self,
        _: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        Ok(Response::new(CredentialsResponse::default()))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(no_tokens())
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(no_tokens())
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(no_tokens())
    }
}

fn no_tokens() -> Status {
    Status::unimplemented("this client leaves tokens to the daemon")
}

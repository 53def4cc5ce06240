//! Opens the addresses of the settings, and says who has one that is taken.
//!
//! Not here: whether an address may be opened at all (`config` refuses those that others can reach).

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::observe::codes::{self, Code};

/// An address that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{code}: listen on {address} ({setting}): {why}; nothing was started")]
pub struct BindError {
    /// Its entry in the register of codes.
    pub code: &'static Code,
    /// The address.
    pub address: SocketAddr,
    /// The setting it comes from.
    pub setting: &'static str,
    /// Who has it, or what the system says.
    pub why: String,
}

/// Opens an address of a setting.
pub async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let why = match platform::real::listener_of(address) {
            Some(process) if taken => format!("the address is in use by {process}"),
            None if taken => "the address is in use by another process".to_owned(),
            Some(_) | None => error.to_string(),
        };
        let code = if taken { &codes::PORT_IN_USE } else { &codes::ADDRESS_UNUSABLE };
        BindError { code, address, setting, why }
    })
}

/// Opens an address if it is free; a taken one is a notice.
pub async fn bind_if_free(address: SocketAddr, setting: &'static str) -> Option<TcpListener> {
    match bind(address, setting).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            let code = codes::PORT_SKIPPED.id;
            tracing::warn!(code, %address, setting, why = error.why, "goes on without an address that is taken");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_told_with_its_setting_and_its_holder() {
        let first =
            bind("127.0.0.1:0".parse().expect("an address"), "http.listen").await.expect("a free port");
        let address = first.local_addr().expect("it is bound");
        let error = bind(address, "http.listen").await.expect_err("it is taken");
        assert_eq!(error.code, &codes::PORT_IN_USE);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!(
                "OL-1001: listen on {address} (http.listen): the address is in use by "
            ))
        );
        assert!(bind_if_free(address, "grpc.listen_if_free").await.is_none());
    }
}

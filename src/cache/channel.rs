//! A channel of Redis: what one node says, all who listen hear at that moment, and nobody later.

use std::time::Duration;

use futures::StreamExt as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Channel {
    client: redis::Client,
    connection: ConnectionManager,
    name: String,
}

impl Channel {
    pub async fn connect(url: &str, name: &str) -> Result<Self, redis::RedisError> {
        let client = redis::Client::open(url)?;
        let patience = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(PATIENCE));
        let connection = client.get_connection_manager_with_config(patience).await?;
        Ok(Self { client, connection, name: name.to_owned() })
    }

    pub async fn say(&self, text: &str) -> Result<(), redis::RedisError> {
        let mut connection = self.connection.clone();
        redis::cmd("PUBLISH").arg(&self.name).arg(text).query_async::<()>(&mut connection).await
    }

    /// Listens until the connection is lost; `begun` is called once it hears.
    pub async fn listen(
        &self,
        begun: impl FnOnce() + Send,
        mut heard: impl FnMut(String) + Send,
    ) -> Result<(), redis::RedisError> {
        let open = async {
            let mut ear = self.client.get_async_pubsub().await?;
            ear.subscribe(&self.name).await?;
            Ok::<_, redis::RedisError>(ear)
        };
        let mut ear = tokio::time::timeout(PATIENCE, open).await.map_err(std::io::Error::from)??;
        begun();
        let mut messages = ear.on_message();
        while let Some(message) = messages.next().await {
            if let Ok(text) = message.get_payload() {
                heard(text);
            }
        }
        Ok(())
    }
}

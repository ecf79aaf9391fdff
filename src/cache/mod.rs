//! Redis, where there is one. Nothing in it is ever the only copy of anything.

/// Whether Redis answers.
pub async fn ping(url: &str) -> Result<(), redis::RedisError> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}

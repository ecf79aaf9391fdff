//! Every page in every state, to be looked at: `cargo run --features sandbox --example gallery`, then open the address it prints.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4100".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, salonbridge::boot::gallery::router()).await?)
}

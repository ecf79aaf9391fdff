//! How often keys and addresses of companies were changed, over all of them. Counted in the unit of work that changes one.

use super::db::{Conn, on};
use super::error::Error;

const FIND: &str = "SELECT number FROM key_change WHERE id = 'all'";
const COUNT: &str = "UPDATE key_change SET number = number + 1 WHERE id = 'all'";

pub const SQL: &[&str] = &[FIND, COUNT];

pub async fn find(conn: &mut Conn) -> Result<i64, Error> {
    let row: (i64,) = on!(conn, c => sqlx::query_as(FIND).fetch_one(c).await)?;
    Ok(row.0)
}

pub(super) async fn count(conn: &mut Conn) -> Result<(), Error> {
    on!(conn, c => sqlx::query(COUNT).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "key_change_tests.rs"]
mod tests;

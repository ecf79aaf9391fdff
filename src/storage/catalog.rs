pub const SQL: &[&str] = &[];

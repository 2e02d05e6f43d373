//! The daemon's entry: arguments, then the command.

fn main() {}

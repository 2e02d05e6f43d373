//! Whole meetings in virtual time: browsers made of str0m, the forwarder, and a bad network between them.

mod branches;
mod browser;
mod link;
mod meetings;
mod networks;
mod scalable;
mod world;

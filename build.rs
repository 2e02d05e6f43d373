//! Has the page embedded anew when it was built anew; without a built page the program still compiles.

fn main() {
    let page = "src/web/client/dist";
    println!("cargo::rerun-if-changed={page}");
    // The embedding macro wants a folder; an empty one means that the page was not built.
    if let Err(why) = std::fs::create_dir_all(page) {
        println!("cargo::error=cannot make the folder {page} for the built page: {why}");
    }
}

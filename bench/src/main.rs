//! Each measured thing beside what it is compared with, in turn, in one run: shared machines are noisy, so what counts
//! is the median of the ratios.

mod in_process;
mod sqlite;
mod turns;

use turns::Table;

fn main() {
    let mut table = Table::new();
    in_process::measure(&mut table);
    sqlite::measure(&mut table);
    table.print();
}

//! Searches every case.

use scipp_model::cases;

fn main() {
    for case in cases::ALL {
        let start = std::time::Instant::now();
        let found = case.search(2);
        println!("{}: {found} in {:?}", case.name, start.elapsed());
        if let Some((_, actions)) = &found.broken {
            println!("{}", case.draw(actions));
        }
    }
}

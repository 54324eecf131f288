module github.com/pasttense/pasttense/bench

go 1.25.0

require github.com/pasttense/pasttense v0.0.0

replace github.com/pasttense/pasttense => ..

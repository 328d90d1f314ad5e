module tandem.example/foreign

// What Debian 12 has is enough: x/mod v0.20.0 is the last that asks for no later Go.
go 1.18

require golang.org/x/mod v0.20.0

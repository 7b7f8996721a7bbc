module example.com/overdue

go 1.23

require github.com/google/go-cmp v0.6.0

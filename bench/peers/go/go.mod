module brigade.bench/peer

go 1.19

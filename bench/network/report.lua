-- For wrk: prints what it has measured as one JSON object on a line of its own. Times in nanoseconds, as the load
-- generator has them.
function done(summary, latency, requests)
  local errors = summary.errors
  local points = {}
  for i = 0, 40 do
    local fraction = 1 - 0.794328 ^ i
    points[#points + 1] = string.format("[%.7g, %d]", fraction, latency:percentile(fraction * 100) * 1000)
  end
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "errors": %d, "p50": %d, "p90": %d, "p99": %d, "p99_9": %d, "max": %d, ' ..
    '"percentiles": [%s]}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) * 1000, latency:percentile(90) * 1000, latency:percentile(99) * 1000,
    latency:percentile(99.9) * 1000, latency.max * 1000, table.concat(points, ", ")))
end

#include "common/telemetry/process_metrics.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace reserve {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
  return family;
}

std::string ReadSmallFile(const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return "";
  std::string content(8192, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file));
  std::fclose(file);
  return content;
}

double CountOpenFiles() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  // ".", ".." and the directory itself.
  return entries > 3 ? entries - 3 : 0;
}

double Number(absl::string_view text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) ? value : 0;
}

// Seconds since the epoch at which the machine booted.
double BootTime() {
  const std::string content = ReadSmallFile("/proc/uptime");
  return static_cast<double>(time(nullptr)) - Number(content.substr(0, content.find(' ')));
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  // Fields after the command's name, which may hold spaces: proc(5), from field 3.
  std::string stat = ReadSmallFile("/proc/self/stat");
  stat.erase(0, stat.rfind(')') == std::string::npos ? stat.size() : stat.rfind(')') + 2);
  const std::vector<std::string> fields = absl::StrSplit(stat, ' ');
  if (fields.size() < 22) return {};
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  using prometheus::MetricType;
  return {
      Family("process_cpu_seconds_total", "User and system CPU time.", MetricType::Counter,
             (Number(fields[11]) + Number(fields[12])) / ticks),
      Family("process_threads", "Threads.", MetricType::Gauge, Number(fields[17])),
      Family("process_start_time_seconds", "Start of the process since the epoch.",
             MetricType::Gauge, BootTime() + Number(fields[19]) / ticks),
      Family("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge,
             Number(fields[20])),
      Family("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge,
             Number(fields[21]) * page),
      Family("process_open_fds", "Open file descriptors.", MetricType::Gauge, CountOpenFiles()),
  };
}

}  // namespace reserve

# Every target of ours is compiled with these; PostgreSQL's headers come in as SYSTEM includes.
add_library(millrace_warnings INTERFACE)
target_compile_options(millrace_warnings INTERFACE -Wall -Wextra -Werror)
if(MILLRACE_SANITIZE)
  target_compile_options(millrace_warnings INTERFACE
    -fsanitize=${MILLRACE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(millrace_warnings INTERFACE -fsanitize=${MILLRACE_SANITIZE})
endif()

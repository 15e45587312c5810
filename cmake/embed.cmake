# Text files as string constants of a program.
#
#   millrace_embed(<target> <name> FILES <file>...)
#
# At build time, writes the header embedded/<name>.h, which <target>'s sources can include. It defines
#
#   millrace::embedded::k<Name>   a std::array of <Name>File {std::string_view name, text}, in the
#                                 order of FILES; `name` is the file's name without its folders
#
# and is written again whenever one of the files changes. For text only: a file must hold no NUL.
# (Also the script that writes the header: cmake -DNAME= -DOUTPUT= -DFILES= -P embed.cmake.)

function(millrace_embed target name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "FILES")
  set(files)
  foreach(file IN LISTS arg_FILES)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    list(APPEND files ${file})
  endforeach()
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/generated/embedded/${name}.h)
  # A list cannot cross a command line with its semicolons: the script takes it with bars.
  list(JOIN files "|" joined)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${output} "-DFILES=${joined}" -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding ${name}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

string(REPLACE "|" ";" FILES "${FILES}")
list(LENGTH FILES count)
string(SUBSTRING "${NAME}" 0 1 initial)
string(TOUPPER "${initial}" initial)
string(SUBSTRING "${NAME}" 1 -1 rest)
set(stem "${initial}${rest}")

set(entries "")
foreach(file IN LISTS FILES)
  cmake_path(GET file FILENAME filename)
  file(READ "${file}" text)
  # Compilers need not take a literal of any length, so a long text becomes adjacent pieces. They
  # are cut at the ends of lines: a cut inside a character of several bytes would be harmless, but
  # the header would not be valid UTF-8.
  string(LENGTH "${text}" left)
  set(literal "")
  while(left GREATER 8000)
    string(SUBSTRING "${text}" 0 8000 piece)
    string(FIND "${piece}" "\n" cut REVERSE)
    if(cut LESS 0)
      # A line of a program that was written by a program.
      set(cut 8000)
    else()
      math(EXPR cut "${cut} + 1")
    endif()
    string(SUBSTRING "${text}" 0 ${cut} piece)
    string(SUBSTRING "${text}" ${cut} -1 text)
    string(LENGTH "${text}" left)
    string(APPEND literal "R\"~millrace~(${piece})~millrace~\"\n")
  endwhile()
  string(APPEND literal "R\"~millrace~(${text})~millrace~\"")
  string(APPEND entries "    {\"${filename}\", ${literal}},\n")
endforeach()

file(WRITE "${OUTPUT}" "// Written by cmake/embed.cmake from the files named below. Do not edit.
#pragma once

#include <array>
#include <string_view>

namespace millrace::embedded {

struct ${stem}File {
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array<${stem}File, ${count}> k${stem}{{
${entries}}};

}  // namespace millrace::embedded
")

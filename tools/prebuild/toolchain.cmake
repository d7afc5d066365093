# Compiles with this machine's g++, or its cross compiler, against the headers and libraries of STRIATE_SYSROOT (Debian 11).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{STRIATE_PROCESSOR})
set(CMAKE_SYSROOT $ENV{STRIATE_SYSROOT})
set(triplet ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

# The compiler would find its own newer C++ headers and libraries first. Its warnings about the older ones are not about us:
# the ordinary build has the same code without a warning.
set(headers ${CMAKE_SYSROOT}/usr/include)
add_compile_options(
  "$<$<COMPILE_LANGUAGE:CXX>:-nostdinc++;-isystem${headers}/c++/10;-isystem${headers}/${triplet}/c++/10>" -w)
set(libraries ${CMAKE_SYSROOT}/usr/lib)
add_link_options(-B${libraries}/${triplet} -L${libraries}/gcc/${triplet}/10 -L${libraries}/${triplet}
                 -L${CMAKE_SYSROOT}/lib/${triplet})
